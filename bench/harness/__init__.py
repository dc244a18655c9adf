"""Measures operators of GreengrassDeployments on a real control plane and an emulated AWS. Standard library only."""
