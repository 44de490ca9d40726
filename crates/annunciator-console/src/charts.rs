//! Numbers over time become a chart in SVG.
