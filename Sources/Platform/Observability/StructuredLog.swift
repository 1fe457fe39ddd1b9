import Logging

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Log lines as one JSON object each on standard error: time, level, logger, message, metadata.
public struct StructuredLog: LogHandler {
  public var logLevel: Logger.Level
  public var metadata: Logger.Metadata
  private let label: String
  private let clock: any WallClock
  private let timestamp: @Sendable (Int64) -> String

  /// `timestamp` writes milliseconds since 1970 for people (RFC 3339); `metadata` stands in every
  /// line, such as role and id.
  public init(
    label: String, level: Logger.Level, metadata: Logger.Metadata, clock: any WallClock,
    timestamp: @escaping @Sendable (Int64) -> String
  ) {
    self.label = label
    self.logLevel = level
    self.metadata = metadata
    self.clock = clock
    self.timestamp = timestamp
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    var line = "{\"at\":\"\(timestamp(clock.milliseconds()))\",\"level\":\"\(event.level)\""
    line += ",\"logger\":\(Self.quoted(label)),\"message\":\(Self.quoted("\(event.message)"))"
    let all = metadata.merging(event.metadata ?? [:]) { $1 }
    for (key, value) in all.sorted(by: { $0.key < $1.key }) {
      line += ",\(Self.quoted(key)):\(Self.quoted("\(value)"))"
    }
    line += "}\n"
    // One write per line, so that lines of several processes on one terminal stay whole.
    line.withUTF8 { bytes in _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
  }

  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case _ where scalar.value < 0x20:
        let hex = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
