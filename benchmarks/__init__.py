"""What the tap costs, as ratios that hold on any machine."""
