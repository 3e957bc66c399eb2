// A drawing of lines in the cells of a terminal: eight dots a cell by braille characters, or a letter a cell.

/// A drawing of some columns and rows.
struct PlotCanvas {
  /// What a line is drawn with.
  enum Pen {
    /// Dots, two beside and four above each other in a cell. Lines that cross are told apart by colours only.
    case braille
    /// A letter for each line.
    case letters
  }

  let pen: Pen
  let columnCount: Int
  let rowCount: Int
  /// Dots of the drawing.
  let width: Int
  let height: Int

  private var dots: [UInt8]
  private var owners: [Int?]

  init(pen: Pen, columnCount: Int, rowCount: Int) {
    self.pen = pen
    self.columnCount = columnCount
    self.rowCount = rowCount
    (width, height) = pen == .braille ? (columnCount * 2, rowCount * 4) : (columnCount, rowCount)
    dots = Array(repeating: 0, count: columnCount * rowCount)
    owners = Array(repeating: nil, count: columnCount * rowCount)
  }

  /// Which row of cells the dots at height `y` are in, both from the top.
  func row(ofDot y: Int) -> Int { pen == .braille ? y / 4 : y }

  /// Which column of cells the dots at `x` are in.
  func column(ofDot x: Int) -> Int { pen == .braille ? x / 2 : x }

  /// A dot of line `owner`, counted from the left and from the top.
  mutating func draw(x: Int, y: Int, owner: Int) {
    guard x >= 0, x < width, y >= 0, y < height else { return }
    let cell = row(ofDot: y) * columnCount + column(ofDot: x)
    // Unicode numbers the dots of a cell 1 2 3 7 down the left and 4 5 6 8 down the right.
    let bits: [[UInt8]] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]]
    dots[cell] |= pen == .braille ? bits[x % 2][y % 4] : 1
    owners[cell] = owner
  }

  /// A straight line.
  mutating func draw(from: (x: Int, y: Int), to: (x: Int, y: Int), owner: Int) {
    let (spanX, spanY) = (to.x - from.x, to.y - from.y)
    let count = max(abs(spanX), abs(spanY))
    for index in 0...count {
      let part = count == 0 ? 0 : Double(index) / Double(count)
      draw(
        x: from.x + Int((Double(spanX) * part).rounded()), y: from.y + Int((Double(spanY) * part).rounded()),
        owner: owner
      )
    }
  }

  /// The cells of a row, those of line n wrapped into `colors[n % …]` where there are colours.
  func text(ofRow row: Int, colors: [String]) -> String {
    var out = ""
    var current = ""
    for column in 0..<columnCount {
      let cell = row * columnCount + column
      guard dots[cell] != 0, let owner = owners[cell] else {
        out += " "
        continue
      }
      if !colors.isEmpty, colors[owner % colors.count] != current {
        current = colors[owner % colors.count]
        out += current
      }
      switch pen {
      case .letters: out.append(Self.letter(owner))
      case .braille: out.unicodeScalars.append(Unicode.Scalar(0x2800 + UInt32(dots[cell])) ?? " ")
      }
    }
    while out.hasSuffix(" ") { out.removeLast() }
    return current.isEmpty ? out : out + PlotColors.off
  }

  /// The letter of line `index`.
  static func letter(_ index: Int) -> Character {
    Character(Unicode.Scalar(UInt8(ascii: "a") + UInt8(index % 26)))
  }
}

/// Colours of a terminal, in the order that lines get them.
enum PlotColors {
  static let all = ["36", "33", "32", "35", "31", "34", "96", "93", "92", "95"].map { "\u{1B}[\($0)m" }
  static let off = "\u{1B}[0m"
}
