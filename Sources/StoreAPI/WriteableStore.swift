// Samples that one receiver hands on to another (`/thanos.WriteableStore/RemoteWrite`), as values.
public import TSModel

/// Samples to be stored (`WriteRequest`).
public struct StoreWriteRequest: ProtobufMessage {
  /// Series of `tenant`: the older form, used where `tenantData` is empty.
  public var timeSeries: [TimeSeriesMessage] = []
  /// Whose they are.
  public var tenant: String = ""
  /// Which replica this is, from 1 on; 0: it is still to be replicated.
  public var replica: Int64 = 0
  /// Series by tenant (`timeseriesTenantData`).
  public var tenantData: [TimeSeriesTenantMessage] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: timeSeries.append(try reader.message())
    case 2: tenant = try reader.string()
    case 3: replica = try reader.int64()
    case 4: tenantData.append(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.messages(field: 1, timeSeries)
    writer.string(field: 2, tenant)
    writer.int64(field: 3, replica)
    writer.messages(field: 4, tenantData)
  }
}

/// Nothing but that it succeeded (`WriteResponse`).
public struct StoreWriteResponse: ProtobufMessage {
  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {}

  public func write(to writer: inout ProtobufWriter) {}
}

/// Series of a tenant (`TimeSeriesTenantTuple`).
public struct TimeSeriesTenantMessage: ProtobufMessage {
  /// The series.
  public var timeSeries: [TimeSeriesMessage] = []
  /// The tenant.
  public var tenant: String = ""

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: timeSeries.append(try reader.message())
    case 2: tenant = try reader.string()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.messages(field: 1, timeSeries)
    writer.string(field: 2, tenant)
  }
}
