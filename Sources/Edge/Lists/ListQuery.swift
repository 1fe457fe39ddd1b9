import Hummingbird
import Wire

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What a client asks of a list: `?limit&cursor`.
public struct ListQuery: Hashable, Sendable {
  /// How many items; a store reads one more to know whether there is a next page.
  public let limit: Int
  /// The key after which the page starts; nil for the first page.
  public let after: String?

  public init(limit: Int, after: String?) {
    self.limit = limit
    self.after = after
  }

  /// Throws `invalid_field` for a limit out of range and `invalid_cursor` for one we did not make.
  public init(_ request: Request) throws(Failure) {
    let query = request.uri.queryParameters
    var limit = EdgeLimits.defaultPage
    if let text = query["limit"] {
      guard let number = Int(text), (1...EdgeLimits.largestPage).contains(number) else {
        throw Failure(.invalidField, "limit must be between 1 and \(EdgeLimits.largestPage)")
      }
      limit = number
    }
    var after: String?
    if let text = query["cursor"], !text.isEmpty {
      guard let key = Self.key(String(text)) else {
        throw Failure(.invalidCursor, "cursor must be the next_cursor of an earlier page")
      }
      after = key
    }
    self.init(limit: limit, after: after)
  }

  /// The opaque form of a key: base64url without padding.
  public static func cursor(_ key: String) -> String {
    Data(key.utf8).base64EncodedString()
      .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
  }

  /// Reads ``cursor(_:)`` back; nil where it is malformed.
  public static func key(_ cursor: String) -> String? {
    guard cursor.utf8.count <= EdgeLimits.cursorLength else { return nil }
    let text = cursor.replacing("-", with: "+").replacing("_", with: "/")
    let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
    guard let data = Data(base64Encoded: text + padding) else { return nil }
    return String(validating: data, as: UTF8.self)
  }
}
