"""What tap and target cost, as ratios that hold on any machine: `make bench`."""
