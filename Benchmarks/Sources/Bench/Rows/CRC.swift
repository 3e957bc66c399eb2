// Rows of CRC32C (see targets.tsv).

let crcRows: [Row] = []
