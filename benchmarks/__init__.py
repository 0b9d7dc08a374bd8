"""What training costs, beside its peers and beside the arithmetic it cannot avoid."""
