// From messages to the values that the rest of the program works with, and back.
public import TSModel

extension LabelMatcherMessage {
  /// The same condition, to be sent.
  public init(_ matcher: LabelMatcher) {
    kind =
      switch matcher.kind {
      case .equal: .equal
      case .notEqual: .notEqual
      case .regex: .regex
      case .notRegex: .notRegex
      }
    name = matcher.name
    value = matcher.value
  }

  /// The compiled condition. Throws `.regex` or `.size` for an expression that is not valid, `.argument` for a kind that
  /// there is not.
  public func matcher() throws(ModelError) -> LabelMatcher {
    switch kind {
    case .equal: try LabelMatcher(.equal, name: name, value: value)
    case .notEqual: try LabelMatcher(.notEqual, name: name, value: value)
    case .regex: try LabelMatcher(.regex, name: name, value: value)
    case .notRegex: try LabelMatcher(.notRegex, name: name, value: value)
    default: throw ModelError(.argument, "unrecognized label matcher type \(kind.rawValue)")
    }
  }
}

extension LabelSetMessage {
  /// The labels of `labels`, in their order.
  public init(_ labels: Labels) {
    self.labels = labels.map { label in
      var message = LabelMessage()
      (message.name, message.value) = (label.name, label.value)
      return message
    }
  }

  /// The labels as a set.
  public var labelSet: Labels { Labels(labels.map { (name: $0.name, value: $0.value) }) }
}

extension AnyMessage {
  private static let prefix = "type.googleapis.com/"

  /// `message` of the full name `name` (`hintspb.SeriesRequestHints`).
  public init(packing message: some ProtobufMessage, named name: String) {
    typeURL = Self.prefix + name
    value = message.encoded()
  }

  /// The message inside. Throws `.malformed`, with Go's text, where it is not one of the full name `name`, or not valid.
  public func unpacked<Message: ProtobufMessage>(named name: String) throws(ModelError) -> Message {
    let found = typeURL.split(separator: "/", omittingEmptySubsequences: false).last.map(String.init) ?? ""
    guard found.utf8.elementsEqual(name.utf8) else {
      throw ModelError(.malformed, "mismatched message type: got \"\(found)\" want \"\(name)\"")
    }
    return try Message(protobuf: value)
  }
}
