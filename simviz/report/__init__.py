"""What a comparison is taken along as: tables, matrices, commands, methods, one HTML file. No streamlit, no torch."""
