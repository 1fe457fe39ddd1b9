import Platform
import Wire

/// Fences a cell's processes: whoever comes under a lower generation than the one that is known has
/// been replaced.
package enum GenerationRule {
  /// Whether a cell may join or report under `generation`.
  ///
  /// `isBroken` lets everything through, to prove that somebody would see it.
  package static func admits(
    _ generation: Generation, known: Generation,
    isBroken: Bool = Sabotage.skipGenerationCheck.isOn
  ) -> Bool {
    isBroken || generation >= known
  }
}
