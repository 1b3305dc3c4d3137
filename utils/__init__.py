"""What everything else stands on: run folders, devices, metrics, figures, tables."""
