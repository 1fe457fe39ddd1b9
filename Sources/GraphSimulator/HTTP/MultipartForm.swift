/// The parts of a `multipart/form-data` body (RFC 7578).
struct MultipartForm: Sendable {
  struct Part: Sendable {
    let name: String
    let filename: String?
    let mimeType: String?
    let bytes: [UInt8]

    var text: String { String(decoding: bytes, as: UTF8.self) }
  }

  /// At most this many parts are read.
  static let maximumParts = 32
  let parts: [Part]

  subscript(name: String) -> Part? { parts.first { $0.name == name } }

  /// Nil where the content type names no boundary or the body does not keep to it.
  init?(_ bytes: [UInt8], contentType: String) {
    guard contentType.lowercased().hasPrefix("multipart/form-data"),
      let boundary = Self.parameter("boundary", of: contentType)
    else { return nil }
    let delimiter = Array("--\(boundary)".utf8)
    let separator = Array("\r\n--\(boundary)".utf8)
    guard bytes.starts(with: delimiter) else { return nil }
    var rest = bytes[delimiter.count...]
    var parts: [Part] = []
    while !rest.starts(with: Array("--".utf8)) {
      guard rest.starts(with: [13, 10]), parts.count < Self.maximumParts else { return nil }
      rest = rest.dropFirst(2)
      guard let headerEnd = Self.find([13, 10, 13, 10], in: rest) else { return nil }
      let head = String(decoding: rest[rest.startIndex..<headerEnd], as: UTF8.self)
      let start = headerEnd + 4
      guard let end = Self.find(separator, in: rest[start...]) else { return nil }
      guard let part = Self.part(head: head, bytes: Array(rest[start..<end])) else { return nil }
      parts.append(part)
      rest = rest[(end + separator.count)...]
    }
    self.parts = parts
  }

  private static func part(head: String, bytes: [UInt8]) -> Part? {
    var name: String?
    var filename: String?
    var mimeType: String?
    for line in head.split(separator: "\r\n") {
      let pair = line.split(separator: ":", maxSplits: 1)
      guard pair.count == 2 else { continue }
      switch pair[0].lowercased() {
      case "content-disposition":
        name = parameter("name", of: String(pair[1]))
        filename = parameter("filename", of: String(pair[1]))
      case "content-type":
        mimeType = String(pair[1].drop { $0 == " " })
      default: break
      }
    }
    return name.map { Part(name: $0, filename: filename, mimeType: mimeType, bytes: bytes) }
  }

  /// The value of `; name=value` or `; name="value"`.
  static func parameter(_ name: String, of header: String) -> String? {
    for piece in header.split(separator: ";") {
      let pair = piece.split(separator: "=", maxSplits: 1)
      guard pair.count == 2, pair[0].drop(while: { $0 == " " }).lowercased() == name else {
        continue
      }
      return pair[1].filter { $0 != "\"" }
    }
    return nil
  }

  private static func find(_ pattern: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
    guard bytes.count >= pattern.count else { return nil }
    var index = bytes.startIndex
    let last = bytes.endIndex - pattern.count
    while index <= last {
      guard let hit = bytes[index...last].firstIndex(of: pattern[0]) else { return nil }
      if bytes[hit..<hit + pattern.count].elementsEqual(pattern) { return hit }
      index = hit + 1
    }
    return nil
  }
}
