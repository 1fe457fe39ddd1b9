import Logging

extension StorageMachine {
  /// Faults are what is asked for here: the engine's complaints about them would hide the report.
  static let quiet = Logger(label: "chaos") { _ in SwiftLogNoOpLogHandler() }
}
