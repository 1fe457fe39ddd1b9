import Hummingbird
import Wire

/// One page of a list: `{data, next_cursor}`; `next_cursor` is null on the last page.
public struct Page<Item: Encodable & Sendable>: ResponseEncodable, Sendable {
  public let data: [Item]
  public let nextCursor: String?

  public init(data: [Item], nextCursor: String?) {
    self.data = data
    self.nextCursor = nextCursor
  }

  /// A page out of `rows`, of which a store read `query.limit + 1`: one more means that there is a
  /// next page, which starts after the last item's `key`.
  public init(_ rows: [Item], _ query: ListQuery, key: (Item) -> String) {
    let page = Array(rows.prefix(query.limit))
    let next = rows.count > query.limit ? page.last.map { ListQuery.cursor(key($0)) } : nil
    self.init(data: page, nextCursor: next)
  }

  /// The same page of other items, for example rows turned into their public form.
  public func map<Other: Encodable & Sendable>(_ transform: (Item) throws -> Other) rethrows
    -> Page<Other>
  {
    Page<Other>(data: try data.map(transform), nextCursor: nextCursor)
  }

  private enum CodingKeys: String, CodingKey {
    case data
    case nextCursor = "next_cursor"
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(data, forKey: .data)
    try container.encode(nextCursor, forKey: .nextCursor)
  }
}
