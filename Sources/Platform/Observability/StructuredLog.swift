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

  /// Written as bytes: there is a line for every message sent and every status, so it is on the way
  /// of each (docs/performance.md).
  public func log(event: LogEvent) {
    var line: [UInt8] = []
    line.reserveCapacity(512)
    line += "{\"at\":\"".utf8
    line += timestamp(clock.milliseconds()).utf8
    line += "\",\"level\":\"".utf8
    line += event.level.rawValue.utf8
    line += "\",\"logger\":".utf8
    Self.append(label, to: &line)
    line += ",\"message\":".utf8
    Self.append(event.message.description, to: &line)
    let all = event.metadata.map { metadata.merging($0) { $1 } } ?? metadata
    for (key, value) in all.sorted(by: { $0.key < $1.key }) {
      line.append(UInt8(ascii: ","))
      Self.append(key, to: &line)
      line.append(UInt8(ascii: ":"))
      if case .string(let text) = value {
        Self.append(text, to: &line)
      } else {
        Self.append(value.description, to: &line)
      }
    }
    line += "}\n".utf8
    // One write per line, so that lines of several processes on one terminal stay whole.
    line.withUnsafeBytes { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  /// Appends a text as a JSON string.
  static func append(_ text: String, to line: inout [UInt8]) {
    line.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): line += "\\\"".utf8
      case UInt8(ascii: "\\"): line += "\\\\".utf8
      case UInt8(ascii: "\n"): line += "\\n".utf8
      case UInt8(ascii: "\r"): line += "\\r".utf8
      case UInt8(ascii: "\t"): line += "\\t".utf8
      case ..<0x20:
        let hex = String(byte, radix: 16)
        line += ("\\u00" + (hex.utf8.count == 1 ? "0" : "") + hex).utf8
      default: line.append(byte)
      }
    }
    line.append(UInt8(ascii: "\""))
  }
}
