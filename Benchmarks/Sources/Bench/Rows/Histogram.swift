// Rows of histogram chunks (see targets.tsv).

let histogramRows: [Row] = []
