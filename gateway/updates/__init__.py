"""Updates: models and configuration from a signed repository (The Update Framework).

A gateway with a section ``updates:`` starts ``python -m gateway.updates FILE`` now and then: one
visit, which asks the repository, decides, downloads, checks, puts down what it found, and ends.
Nothing of it is resident, and the daemon never imports python-tuf. What is put down:

    <database's folder>/updates/
        metadata/          what the repository said last: protects from going back
        parts/             downloads that are not whole yet
        models/NAME/       packages, and ``current``, a link to the one that is to be tried
        config/            current.yaml, previous.yaml (the last that was good), trial.json
        record.json        what was taken, what failed here and why, what people are to be told

The other half is the author's: ``edge-gateway repo`` makes and signs the repository.
"""
