// Users and passwords of `--http.config`: bcrypt hashes, checked by the system's crypt library, which is loaded when
// there are users.
internal import Locking
internal import Synchronization
internal import Transport

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// Checks the credentials of requests. A check costs tens of milliseconds by design, so that what was right stays known
/// for the life of the process, and checks of unknown users take as long as those of known ones.
@safe final class PasswordCheck: Sendable {
  private typealias Crypt =
    @convention(c) (
      UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafeMutableRawPointer, Int32
    ) -> UnsafeMutablePointer<CChar>?

  private struct Credentials: Hashable {
    var user: String
    var password: String
  }

  private let hashes: [String: String]
  private let hashOfNobody: String
  private let crypt: Crypt
  private let known = Guarded<Set<Credentials>>([])
  /// Most right credentials that are remembered: one each user, as a password may be written in one way only.
  private let knownCountMax: Int

  init(_ users: [(name: String, hash: String)]) throws(ConfigurationError) {
    hashes = Dictionary(users.map { ($0.name, $0.hash) }, uniquingKeysWith: { _, last in last })
    hashOfNobody = users.first?.hash ?? ""
    knownCountMax = users.count
    guard let library = unsafe dlopen("libcrypt.so.1", RTLD_NOW), let symbol = unsafe dlsym(library, "crypt_rn") else {
      throw ConfigurationError(
        .unsupported, "basic_auth_users: the system's libcrypt.so.1, which checks passwords, cannot be loaded")
    }
    unsafe crypt = unsafeBitCast(symbol, to: Crypt.self)
    for (name, hash) in users where !matches(password: "", hash: hash, isShapeOnly: true) {
      throw ConfigurationError(.value, "basic_auth_users: the hash of \(name) is not one of bcrypt")
    }
  }

  /// Whether the field `authorization` names a user with the right password.
  func accepts(_ authorization: String?) async throws -> Bool {
    guard let authorization, let credentials = Self.credentials(authorization) else { return false }
    if known.withLock({ $0.contains(credentials) }) { return true }
    let hash = hashes[credentials.user]
    let isRight = matches(password: credentials.password, hash: hash ?? hashOfNobody)
    guard hash != nil, isRight else { return false }
    known.withLock { known in
      if known.count < knownCountMax { known.insert(credentials) }
    }
    return true
  }

  /// `Basic`, and base64 of `user:password`.
  private static func credentials(_ authorization: String) -> Credentials? {
    let parts = authorization.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "basic", let bytes = Base64.decoded(parts[1]),
      let colon = bytes.firstIndex(of: 0x3A), !bytes.contains(0)
    else { return nil }
    return Credentials(
      user: String(decoding: bytes[..<colon], as: UTF8.self),
      password: String(decoding: bytes[(colon + 1)...], as: UTF8.self))
  }

  private func matches(password: String, hash: String, isShapeOnly: Bool = false) -> Bool {
    guard hash.utf8.count == 60, hash.hasPrefix("$2") else { return false }
    if isShapeOnly { return true }
    // libxcrypt's struct crypt_data takes 32 KiB.
    let capacity = 32_768
    let scratch = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
    defer { unsafe scratch.deallocate() }
    unsafe scratch.initializeMemory(as: UInt8.self, repeating: 0, count: capacity)
    guard let result = unsafe crypt(password, hash, scratch, Int32(capacity)) else { return false }
    let computed = unsafe Array(UnsafeBufferPointer(start: result, count: strlen(result))).map { UInt8(bitPattern: $0) }
    let expected = Array(hash.utf8)
    guard computed.count == expected.count else { return false }
    // All bytes, whatever the first ones say.
    return zip(computed, expected).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
  }
}
