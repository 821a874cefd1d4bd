"""The local run: stand-ins for Azure and ElasticBLAST, so that the product runs on one machine."""
