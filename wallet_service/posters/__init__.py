"""QR codes of links for screens and for print: as SVG, as PNG, and as a page to hang up."""
