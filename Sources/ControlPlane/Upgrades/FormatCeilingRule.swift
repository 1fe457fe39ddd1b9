import Wire

/// Up to which format level may be written: what every process reads that may have to.
enum FormatCeilingRule {
  /// A cell or follower.
  struct Reader: Hashable {
    let name: String
    let cell: CellID
    let version: String
    /// Nil where it has not said it since this control plane started, or is silent.
    let level: UInt32?
    /// It may go back to the version before by itself, which reads less, perhaps.
    var isOnTrial = false
  }

  /// Marks those whose last order has not come to its end; `primaries` are the names of the
  /// processes that lead cells.
  static func marked(
    _ readers: [Reader], _ unsettled: [PlatformRows.UnsettledProcess],
    primaries: [CellID: String]
  ) -> [Reader] {
    readers.map { reader in
      var reader = reader
      let names = [
        reader.name,
        reader.name == reader.cell.rawValue ? primaries[reader.cell] ?? reader.name : reader.name,
      ]
      reader.isOnTrial = unsettled.contains {
        $0.cell == reader.cell && names.contains($0.replica)
      }
      return reader
    }
  }

  /// How much of a ceiling is believed that a cell says it was told: what it reads itself, and what
  /// all others read that are heard.
  ///
  /// The level that was really set is read by all of them. One that is wrong keeps nobody out.
  static func believed(_ told: UInt32, reads: UInt32, others: [UInt32]) -> UInt32 {
    min(told, reads, others.min() ?? reads)
  }

  /// The level that all read; nil while somebody has not said what it reads.
  static func readable(_ readers: [Reader]) -> UInt32? {
    var lowest = UInt32.max
    for reader in readers {
      guard let level = reader.level else { return nil }
      lowest = min(lowest, level)
    }
    return readers.isEmpty ? nil : lowest
  }

  /// The ceiling after it was raised to `wanted`, or as far as it goes.
  ///
  /// Throws `format_ceiling` where somebody would not read it.
  static func raised(
    from ceiling: UInt32, to wanted: UInt32?, _ readers: [Reader]
  ) throws(Failure) -> UInt32 {
    guard let readable = readable(readers) else {
      let silent = readers.filter { $0.level == nil }.map(\.name)
      throw Failure(
        .formatCeiling,
        silent.isEmpty
          ? "no cell says what it reads"
          : "not heard, so that nobody knows what they read: " + silent.joined(separator: ", "))
    }
    let trials = readers.filter(\.isOnTrial).map(\.name)
    guard trials.isEmpty else {
      throw Failure(
        .formatCeiling,
        "on trial, or halted and never confirmed: \(trials.joined(separator: ", ")); upgrade or "
          + "roll back first")
    }
    let level = max(ceiling, wanted ?? readable)
    guard level <= readable || level == ceiling else {
      let late = readers.filter { ($0.level ?? 0) < level }
        .map { "\($0.name) (\($0.version), \($0.level ?? 0))" }
      throw Failure(
        .formatCeiling, "not read by all: " + late.joined(separator: ", "))
    }
    return level
  }
}
