import Platform
import Storage
import Wire

/// Why the archive could not do what it was asked.
public enum ArchiveError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The store does not answer, or answers that it cannot now; trying again may help.
  case unreachable(String)
  /// The store said no for good: credentials, bucket, a forbidden name.
  case refused(String)
  /// Something else stands under this name.
  case conflict(name: String)
  /// An object that a listing named, or that another object needs, is not there.
  case missing(name: String)
  case notAnObject(name: String)
  /// The object ends too early.
  case truncated(name: String)
  /// The object lies under another name than it was written for.
  case swapped(name: String, found: String)
  /// Written by another deployment.
  case otherDeployment(name: String, found: String)
  /// Sealed with another key than the one at hand.
  case wrongKey(name: String, found: String)
  /// Content or header are not what was written.
  case damaged(name: String, detail: String)
  /// The archive does not hold what a restore to this point needs.
  case incomplete(String)
  /// Another owner has claimed this cell's journal: a higher generation.
  case fenced(generation: UInt64)
  /// What would be made does not fit on the disk.
  case noRoom(String)
  /// A key that is not 32 bytes, or another than the one recorded.
  case key(String)

  /// A stable word for reports.
  public var code: String {
    switch self {
    case .unreachable: "archive_unreachable"
    case .refused: "archive_refused"
    case .conflict: "archive_conflict"
    case .missing: "archive_object_missing"
    case .notAnObject, .damaged: "archive_object_damaged"
    case .truncated: "archive_object_truncated"
    case .swapped: "archive_object_swapped"
    case .otherDeployment: "archive_of_another_deployment"
    case .wrongKey, .key: "archive_key_wrong"
    case .incomplete: "archive_incomplete"
    case .fenced: "archive_fenced"
    case .noRoom: "cell_full"
    }
  }

  public var description: String {
    switch self {
    case .unreachable(let detail): "the archive does not answer: \(detail)"
    case .refused(let detail): "the archive refuses: \(detail)"
    case .conflict(let name): "something else is stored as \(name)"
    case .missing(let name): "\(name) is not in the archive"
    case .notAnObject(let name): "\(name) is not an object of an archive"
    case .truncated(let name): "\(name) ends too early"
    case .swapped(let name, let found): "under \(name) lies \(found)"
    case .otherDeployment(let name, let found): "\(name) is deployment \(found)'s"
    case .wrongKey(let name, let found): "\(name) is sealed with key \(found)"
    case .damaged(let name, let detail): "\(name) is damaged: \(detail)"
    case .incomplete(let detail): "the archive is not complete: \(detail)"
    case .fenced(let generation): "generation \(generation) has claimed this cell's journal"
    case .noRoom(let detail): "no room: \(detail)"
    case .key(let detail): "the archive key: \(detail)"
    }
  }

  /// Whether one object is lost or not what was written; others may be right.
  var isOfOneObject: Bool {
    switch self {
    case .missing, .notAnObject, .truncated, .swapped, .damaged: true
    default: false
    }
  }

  /// Whether nothing can be stored or read, whatever it is.
  var isOfAll: Bool {
    switch self {
    case .refused, .otherDeployment, .wrongKey, .key, .fenced: true
    default: false
    }
  }

  /// Whether trying again may help.
  public var mayPass: Bool {
    if case .unreachable = self { return true }
    return false
  }
}
