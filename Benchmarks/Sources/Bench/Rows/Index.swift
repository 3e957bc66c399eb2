// Rows of the index (see targets.tsv).

let indexRows: [Row] = []
