import Wire

/// What a process does beside its callers: it keeps its journal short, and tries again what its
/// disk had no room for.
extension SimulatedNode {
  /// Looks at the journal now and then, and makes a pass where it has grown long.
  func planLook() {
    guard deployment.options.trims else { return }
    planHere(after: deployment.otherChoice.number(in: 20_000...120_000), "looks at its journal") {
      [unowned self] in
      if let store, store.isLong { flush(store.pinning[...]) }
      planLook()
    }
  }

  /// Makes files durable one after the other, then trims; appends go on between.
  private func flush(_ tenants: ArraySlice<TenantID>) {
    let name = tenants.first.map { "flushes \($0)" } ?? "trims its journal"
    planHere(after: deployment.otherChoice.number(in: 100...2_000), name) { [unowned self] in
      perhapsEnd(tenants.isEmpty ? 200 : 20)
      withStore { store in
        if let tenant = tenants.first { try store.flush(tenant) } else { try store.trim() }
      }
      if !tenants.isEmpty { flush(tenants.dropFirst()) }
    }
  }

  /// Lets the machine end in the middle of what comes now.
  private func perhapsEnd(_ perMille: Int) {
    guard deployment.isFaulty, !isDoomed, deployment.otherChoice.happens(perMille) else { return }
    doom(afterCalls: deployment.otherChoice.number(in: 0...12))
  }

  /// Plans the next attempt of each tenant that has stalled.
  func planAttempts(_ store: SimulatedStore) {
    for (tenant, wait) in store.takeStalled() {
      planHere(after: wait, "tries \(tenant) again") { [unowned self] in
        withStore { store in
          try store.catchUp(tenant)
          planAttempts(store)
        }
      }
    }
  }
}
