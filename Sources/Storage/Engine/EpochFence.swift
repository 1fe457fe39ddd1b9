import Platform
import Wire

/// Fences a tenant's placements: a request is served only by the tenant's owner, and only under the
/// epoch that the request names.
package enum EpochFence {
  /// Whether a request under `asked` may be served where the tenant stands under `known`.
  ///
  /// `isBroken` lets everything through, to prove that somebody would see it.
  package static func admits(
    _ asked: Epoch, at known: Epoch, isOwned: Bool,
    isBroken: Bool = Sabotage.skipEpochCheck.isOn
  ) -> Bool {
    isBroken || (isOwned && asked == known)
  }
}
