import Messaging
import NIOCore
import Platform
import Storage

extension CommandFailure {
  /// What keeps a process from starting or a verb from working, where an operator can mend it: a
  /// directory or a port that another process has.
  ///
  /// Nil for any other error.
  init?(inUse error: any Error) {
    switch error {
    case let error as FileError where error.isOwnedByAnother:
      self.init(directoryInUse: String(error.path.prefix(upToLast: "/")))
    case JournalError.ownedByAnotherProcess(let directory):
      self.init(directoryInUse: directory)
    case let error as TransportError where error.isAddressInUse:
      self.init(portInUse: "\(error.address)")
    case let error as IOError where error.errnoCode == SystemErrors.addressInUse:
      self.init(portInUse: error.description)
    default: return nil
    }
  }

  private init(directoryInUse directory: String) {
    self.init(
      .refused, code: "data_in_use",
      detail: "\(directory) belongs to another process that is running; stop that one first")
  }

  private init(portInUse place: String) {
    self.init(
      .refused, code: "port_in_use",
      detail: "another process listens there: \(place); stop it, or configure another port")
  }
}

extension String {
  /// What stands before the last `separator`; the whole text where there is none.
  fileprivate func prefix(upToLast separator: Character) -> Substring {
    lastIndex(of: separator).map { self[..<$0] } ?? self[...]
  }
}
