import Hummingbird
import Wire

/// A refusal as clients see it: `application/problem+json` of RFC 9457.
///
/// `{type, title, status, code, detail, trace_id}`; a wait as `Retry-After` in whole seconds.
public struct Problem: Sendable {
  public static let contentType = "application/problem+json"

  public let failure: Failure
  public let traceID: String
  /// Methods that the path does answer, for a 405.
  public let allowed: [String]

  public init(_ failure: Failure, traceID: String, allowed: [String] = []) {
    self.failure = failure
    self.traceID = traceID
    self.allowed = allowed
  }

  public var status: Int { failure.code.httpStatus }

  /// The document, encoded.
  public var body: [UInt8] {
    let code = failure.code.rawValue
    var json: [UInt8] = []
    json.reserveCapacity(192 + failure.detail.utf8.count)
    json.append(contentsOf: "{\"type\":".utf8)
    JSONText.append("urn:aimstors:problem:" + code, to: &json)
    json.append(contentsOf: ",\"title\":".utf8)
    JSONText.append(Self.title(code), to: &json)
    json.append(contentsOf: ",\"status\":\(status),\"code\":".utf8)
    JSONText.append(code, to: &json)
    json.append(contentsOf: ",\"detail\":".utf8)
    JSONText.append(failure.detail, to: &json)
    json.append(contentsOf: ",\"trace_id\":".utf8)
    JSONText.append(traceID, to: &json)
    json.append(UInt8(ascii: "}"))
    return json
  }

  /// Headers beside the content type.
  ///
  /// Every 429 and 503 tells how long to wait.
  public var headers: [(name: String, value: String)] {
    var result: [(name: String, value: String)] = []
    if let milliseconds = failure.retryAfterMilliseconds {
      result.append((name: "retry-after", value: "\(max(1, (milliseconds + 999) / 1000))"))
    } else if status == 429 || status == 503 {
      result.append((name: "retry-after", value: "1"))
    }
    if status == 401 { result.append((name: "www-authenticate", value: "Bearer")) }
    if !allowed.isEmpty {
      result.append((name: "allow", value: allowed.joined(separator: ", ")))
    }
    return result
  }

  /// The whole answer for Hummingbird.
  public var response: Response {
    var fields = HTTPFields()
    fields[.contentType] = Self.contentType
    for header in headers {
      if let name = HTTPFields.Element.Name(header.name) { fields[name] = header.value }
    }
    return Response(
      status: .init(code: status), headers: fields,
      body: .init(byteBuffer: ByteBuffer(bytes: body)))
  }

  /// The whole answer as an envelope.
  public var envelope: Aimstors_ProtoResponse {
    var response = Aimstors_ProtoResponse()
    response.status = UInt32(status)
    response.headers = [.make("content-type", Self.contentType)]
    response.headers.append(contentsOf: headers.map { .make($0.name, $0.value) })
    response.body = .init(body)
    return response
  }

  /// `insufficient_funds` as `Insufficient funds`.
  private static func title(_ code: String) -> String {
    let words = code.split(separator: "_").joined(separator: " ")
    return words.prefix(1).uppercased() + words.dropFirst()
  }
}

extension Aimstors_ProtoHeader {
  static func make(_ name: String, _ value: String) -> Self {
    var header = Self()
    header.name = name
    header.value = value
    return header
  }
}
