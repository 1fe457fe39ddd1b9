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
