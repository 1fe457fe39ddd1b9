import Wire

/// The empty cell that a region's dedicated tenant falls back on.
///
/// The emptiest cell looks best to every new tenant and to every balance, and each of them would
/// take what the headroom rule then misses. So one empty cell is left out for as long as another is
/// filled to less than a rebalance would fill it (``RebalanceRule/fill``).
enum SpareCell {
  /// - Parameters:
  ///   - empty: The cells of the region that take tenants and have none.
  ///   - hasDedicated: Whether a dedicated tenant is in the region.
  static func kept(of empty: some Sequence<CellID>, hasDedicated: Bool) -> CellID? {
    // The last one: placement begins with the first.
    hasDedicated ? empty.max() : nil
  }
}
