"""How an image set is obtained and made into batches."""
