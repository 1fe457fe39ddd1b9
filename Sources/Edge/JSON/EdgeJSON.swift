import Hummingbird
import Wire

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// How the API reads and writes JSON.
///
/// No key strategy: a type states its snake_case names in its `CodingKeys`. A strategy would cost
/// time on every key and does not find `phoneNumberID` again in `phone_number_id`. Times are
/// ``Timestamp`` (RFC 3339, UTC), money is integer micros; there is no date strategy either.
public struct EdgeJSON: RequestDecoder, ResponseEncoder, Sendable {
  public init() {}

  /// Reads a body.
  ///
  /// Throws `invalid_json` where it is not JSON, `invalid_field` naming the field where a value is
  /// missing or has another type, `body_too_large`.
  public func decode<T: Decodable>(
    _ type: T.Type, from request: Request, context: some RequestContext
  ) async throws -> T {
    let buffer = try await request.body.collect(upTo: context.maxUploadSize)
    return try Self.decode(type, from: buffer.withUnsafeReadableBytes { Data($0) })
  }

  /// Reads bytes by the same rules.
  public static func decode<T: Decodable>(_ type: T.Type, from bytes: [UInt8]) throws -> T {
    try decode(type, from: Data(bytes))
  }

  /// Writes a value without blanks; slashes are not escaped.
  public static func encode(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return [UInt8](try encoder.encode(value))
  }

  public func encode(
    _ value: some Encodable, from request: Request, context: some RequestContext
  ) throws -> Response {
    let body = ByteBuffer(bytes: try Self.encode(value))
    return Response(
      status: .ok, headers: [.contentType: "application/json"], body: .init(byteBuffer: body))
  }

  private static func decode<T: Decodable>(_ type: T.Type, from data: Data) throws -> T {
    guard !data.isEmpty else { throw Failure(.invalidJSON, "the body is empty; send JSON") }
    do {
      return try JSONDecoder().decode(type, from: data)
    } catch let error as DecodingError {
      throw failure(of: error, in: data)
    }
  }

  private static func failure(of error: DecodingError, in data: Data) -> Failure {
    switch error {
    case .keyNotFound(let key, let context):
      return Failure(.invalidField, "\(path(context.codingPath + [key])) is missing")
    case .valueNotFound(_, let context):
      return Failure(.invalidField, "\(path(context.codingPath)) must not be null")
    case .typeMismatch(let type, let context):
      return Failure(.invalidField, "\(path(context.codingPath)) must be \(article(type))")
    case .dataCorrupted(let context):
      if context.codingPath.isEmpty { return corrupted(data) }
      return Failure(.invalidField, "\(path(context.codingPath)): \(words(context))")
    @unknown default:
      return Failure(.invalidJSON, "the body is not readable")
    }
  }

  /// The decoder loses the path of a number that does not fit its type and calls the whole document
  /// corrupted.
  private static func corrupted(_ data: Data) -> Failure {
    guard let document = try? JSONTape([UInt8](data)) else {
      return Failure(.invalidJSON, "the body is not valid JSON")
    }
    let names = UnfitNumbers.paths(in: document.root)
    guard !names.isEmpty else { return Failure(.invalidJSON, "the body is not readable") }
    return Failure(
      .invalidField, "\(names.joined(separator: ", ")) must be an integer of at most 64 bits")
  }

  /// What a type said of its value; the standard library's own words name Swift types.
  private static func words(_ context: DecodingError.Context) -> String {
    context.debugDescription.hasPrefix("Cannot initialize")
      ? "not one of the known values" : context.debugDescription
  }

  /// `recipients[3].to`.
  private static func path(_ keys: [any CodingKey]) -> String {
    var text = ""
    for key in keys {
      if let index = key.intValue {
        text += "[\(index)]"
      } else {
        text += text.isEmpty ? key.stringValue : "." + key.stringValue
      }
    }
    return text.isEmpty ? "the body" : text
  }

  /// JSON's word for a Swift type.
  private static func article(_ type: Any.Type) -> String {
    let name = String(describing: type)
    if name.hasPrefix("Array") { return "an array" }
    if name.hasPrefix("Dictionary") { return "an object" }
    return switch name {
    case "String": "a string"
    case "Bool": "true or false"
    case "Double", "Float": "a number"
    case _ where name.hasPrefix("Int") || name.hasPrefix("UInt"): "an integer"
    default: "of another type"
    }
  }
}
