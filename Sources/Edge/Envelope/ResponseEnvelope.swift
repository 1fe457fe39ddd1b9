import Hummingbird
import Wire

/// What a process answered to an envelope.
public enum ResponseEnvelope: Sendable {
  case response(Response)
  /// The tenant is at this cell, under this epoch; nil where whoever was asked does not know.
  case moved(CellID?, Epoch)

  /// Reads an encoded `ProtoResponse`; the body is copied once.
  ///
  /// Nil where it is malformed.
  public static func decode(_ bytes: [UInt8]) -> ResponseEnvelope? {
    var status = 0
    var headers = HTTPFields()
    var body = ByteBuffer()
    do {
      var fields = ProtoScanner(bytes)
      while let (number, field) = try fields.next() {
        switch (number, field) {
        case (1, .varint(let value)): status = Int(clamping: value)
        case (2, .bytes(let range)): try append(bytes, range, to: &headers)
        case (3, .bytes(let range)): body = ByteBuffer(bytes: bytes[range])
        case (4, .bytes(let range)): return try moved(bytes, range)
        default: break
        }
      }
    } catch {
      return nil
    }
    guard (200..<600).contains(status) else { return nil }
    return .response(
      Response(status: .init(code: status), headers: headers, body: .init(byteBuffer: body)))
  }

  private static func append(
    _ bytes: [UInt8], _ range: Range<Int>, to headers: inout HTTPFields
  ) throws {
    let (name, value) = try pair(bytes, range)
    guard HeaderRule.travelsOutward(name), let field = HTTPFields.Element.Name(name) else { return }
    headers.append(.init(name: field, value: value))
  }

  private static func pair(
    _ bytes: [UInt8], _ range: Range<Int>
  ) throws -> (name: String, value: String) {
    var name = ""
    var value = ""
    var fields = ProtoScanner(bytes, in: range)
    while let (number, field) = try fields.next() {
      guard case .bytes(let range) = field else { continue }
      if number == 1 { name = String(decoding: bytes[range], as: UTF8.self) }
      if number == 2 { value = String(decoding: bytes[range], as: UTF8.self) }
    }
    return (name, value)
  }

  private static func moved(_ bytes: [UInt8], _ range: Range<Int>) throws -> ResponseEnvelope? {
    var cell = ""
    var epoch: UInt64 = 0
    var fields = ProtoScanner(bytes, in: range)
    while let (number, field) = try fields.next() {
      if number == 1, case .bytes(let range) = field {
        cell = String(decoding: bytes[range], as: UTF8.self)
      }
      if number == 2, case .varint(let value) = field { epoch = value }
    }
    if cell.isEmpty { return .moved(nil, Epoch(epoch)) }
    return CellID(cell).map { .moved($0, Epoch(epoch)) }
  }
}
