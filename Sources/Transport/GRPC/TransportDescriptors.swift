enum TransportDescriptors {
  static let health: [[UInt8]] = []
  static let reflection: [[UInt8]] = []
}
