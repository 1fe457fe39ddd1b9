import Wire

extension Journal {
  /// The generation of the last record behind a position; nil: there is none.
  ///
  /// No record before it is of a later one.
  public func lastGeneration(behind position: CellSeq) throws(JournalError) -> Generation? {
    let last = lastSeq
    guard last > position else { return nil }
    // Where a repair left a gap at the end, or a void record, all is read.
    for start in [last, position.next] {
      var records = try records(from: start)
      var found: Generation?
      while let record = try records.next() { found = record.position.generation }
      if let found { return found }
    }
    return nil
  }
}
