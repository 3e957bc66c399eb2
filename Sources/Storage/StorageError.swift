// The one error of this library: what was attempted on what, what to do about it, and where it was noticed.
internal import CTSDB

/// What went wrong in `Storage`, in a form for people and for code that decides how to go on.
public struct StorageError: Error, Sendable, CustomStringConvertible {
  /// What kind of thing went wrong. An open set: kinds can be added without breaking callers.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    private enum Kind: String, Hashable, Sendable {
      case truncated, malformed, checksum, magic, version, encoding, reference, order, count, capacity, full, argument
      case memory, size, io, notFound, permission, noSpace, notABlock, faulted, budget, cancelled
    }
    private let kind: Kind
    private init(_ kind: Kind) { self.kind = kind }

    /// The bytes end before what they announce.
    public static let truncated = Code(.truncated)
    /// The bytes contradict their format.
    public static let malformed = Code(.malformed)
    /// A stored checksum is not that of the bytes it covers.
    public static let checksum = Code(.checksum)
    /// Not a file of the expected kind.
    public static let magic = Code(.magic)
    /// A format version this program does not know.
    public static let version = Code(.version)
    /// A chunk encoding this program does not know.
    public static let encoding = Code(.encoding)
    /// A reference to a symbol, series or chunk that is not there.
    public static let reference = Code(.reference)
    /// Not in the order that the format demands.
    public static let order = Code(.order)
    /// A count that the bytes cannot hold.
    public static let count = Code(.count)
    /// A destination was too small: a mistake of the caller.
    public static let capacity = Code(.capacity)
    /// A chunk holds as many samples as it can count.
    public static let full = Code(.full)
    /// An argument outside what the call allows.
    public static let argument = Code(.argument)
    /// No memory could be had.
    public static let memory = Code(.memory)
    /// A result larger than its format can address.
    public static let size = Code(.size)
    /// The operating system refused a read or a write.
    public static let io = Code(.io)
    /// A file or folder that should be there is not.
    public static let notFound = Code(.notFound)
    /// The operating system denies access.
    public static let permission = Code(.permission)
    /// The disk is full.
    public static let noSpace = Code(.noSpace)
    /// A folder that is not a block.
    public static let notABlock = Code(.notABlock)
    /// A mapped file was cut short or could not be read while it was in use.
    public static let faulted = Code(.faulted)
    /// The memory budget does not allow it.
    public static let budget = Code(.budget)
    /// The work was cancelled by its caller.
    public static let cancelled = Code(.cancelled)

    public var description: String { kind.rawValue }
  }

  /// What whoever catches the error should do.
  public enum Disposition: Sendable {
    /// The same call may succeed later.
    case retry
    /// This block cannot be used; the others can.
    case skipBlock
    /// Nothing more can be done before a person looks.
    case halt
    /// The caller asked for something impossible or too large.
    case rejectRequest
  }

  /// Where in the source the error was first thrown.
  public struct SourceLocation: Sendable {
    /// Source file, with its module.
    public let file: String
    /// Line in it.
    public let line: Int
  }

  /// The kind of failure.
  public var code: Code
  /// What to do about it.
  public var disposition: Disposition
  /// What was attempted, on what, and why it cannot be.
  public var message: String
  /// The error underneath, untouched.
  public var cause: (any Error)?
  /// Where it was first thrown.
  public var location: SourceLocation

  /// An error with everything said by the caller.
  public init(
    _ code: Code, _ message: String, disposition: Disposition = .skipBlock, cause: (any Error)? = nil,
    file: String = #fileID, line: Int = #line
  ) {
    self.code = code
    self.disposition = disposition
    self.message = message
    self.cause = cause
    self.location = SourceLocation(file: file, line: line)
  }

  /// The message, as a person should read it.
  public var description: String { message }
}

extension StorageError {
  /// A status of the C core with what was attempted: "read series 4 of block 01J…: checksum mismatch".
  init(_ status: tsdb_status, _ attempt: String, file: String = #fileID, line: Int = #line) {
    let reason = unsafe String(cString: tsdb_status_text(status))
    self.init(
      Code(status), "\(attempt): \(reason)", disposition: Code(status).isCallersMistake ? .rejectRequest : .skipBlock,
      file: file, line: line)
  }
}

extension StorageError.Code {
  init(_ status: tsdb_status) {
    switch status {
    case TSDB_ERR_TRUNCATED: self = .truncated
    case TSDB_ERR_MALFORMED: self = .malformed
    case TSDB_ERR_CHECKSUM: self = .checksum
    case TSDB_ERR_MAGIC: self = .magic
    case TSDB_ERR_VERSION: self = .version
    case TSDB_ERR_ENCODING: self = .encoding
    case TSDB_ERR_REFERENCE: self = .reference
    case TSDB_ERR_ORDER: self = .order
    case TSDB_ERR_COUNT: self = .count
    case TSDB_ERR_CAPACITY: self = .capacity
    case TSDB_ERR_FULL: self = .full
    case TSDB_ERR_MEMORY: self = .memory
    case TSDB_ERR_SIZE: self = .size
    default: self = .argument
    }
  }

  var isCallersMistake: Bool { self == .argument || self == .capacity || self == .full || self == .size }
}
