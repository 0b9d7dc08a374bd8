"""How an image set reaches this machine and becomes batches."""
