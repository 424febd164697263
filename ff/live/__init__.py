"""The two applications for JupyterLab: `explore` is the entrance."""
