"""Figures described once, and drawn twice: by matplotlib for files and paper, by Plotly for the page on a screen."""
