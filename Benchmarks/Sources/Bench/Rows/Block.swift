// Rows of whole blocks: open, verify, dump (see targets.tsv).

let blockRows: [Row] = []
