// Rows of postings set operations (see targets.tsv).

let postingsRows: [Row] = []
