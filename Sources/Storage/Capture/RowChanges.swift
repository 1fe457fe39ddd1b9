import CSQLite

/// Applies one command's row changes to a file: replay, import, follower.
enum RowChanges {
  enum Fault: Error, Hashable {
    case malformed
    case unknownTable
    case sqlite(Int32)
  }

  /// Leaves every touched key as its after-image says, or gone, as far as tables of this file are
  /// concerned; `known` says which other tables belong to other files of the store.
  static func apply(
    _ changes: UnsafeRawBufferPointer, to capture: Capture, known: Set<UInt16>
  ) throws(Fault) {
    let result = withUnsafePointer(to: known) { known in
      aim_apply(
        capture.handle, changes.baseAddress?.assumingMemoryBound(to: UInt8.self), changes.count,
        { context, table in
          guard let context else { return 0 }
          return context.assumingMemoryBound(to: Set<UInt16>.self).pointee.contains(table) ? 1 : 0
        }, UnsafeMutableRawPointer(mutating: known))
    }
    switch result {
    case Int32(AIM_APPLY_OK): return
    case Int32(AIM_APPLY_MALFORMED): throw .malformed
    case Int32(AIM_APPLY_UNKNOWN_TABLE): throw .unknownTable
    default: throw .sqlite(result)
    }
  }
}
