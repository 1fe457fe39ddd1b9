import Edge
import Wire

extension ListQuery {
  /// The row after which the page starts, for lists in the order of their rows' keys.
  func afterRow() throws(Failure) -> RowID {
    guard let after else { return RowID(0) }
    guard let number = Int64(after) else {
      throw Failure(.invalidCursor, "cursor must be the next_cursor of an earlier page")
    }
    return RowID(number)
  }
}

extension Page {
  /// A page of rows in the order of their keys, each in its public form.
  ///
  /// See ``Page/init(_:_:key:)``.
  init<Row>(
    _ rows: [Row], _ query: ListQuery, key: (Row) -> RowID, as form: (Row) throws -> Item
  ) rethrows {
    let page = rows.prefix(query.limit)
    let last = rows.count > query.limit ? page.last.map(key) : nil
    self.init(
      data: try page.map(form),
      nextCursor: last.map { ListQuery.cursor(String($0.rawValue)) })
  }
}
