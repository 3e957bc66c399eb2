// Rows of XOR chunks (see targets.tsv).

let xorRows: [Row] = []
