"""What a benchmark found: one JSON file per run in this folder, of one shape (`result.schema.json`)."""
