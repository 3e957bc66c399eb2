// Rows of regular expression matchers (see targets.tsv).

let regexRows: [Row] = []
