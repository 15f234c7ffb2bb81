"""Who we are to the API server: one small type for each source of credentials, one protocol in front."""
