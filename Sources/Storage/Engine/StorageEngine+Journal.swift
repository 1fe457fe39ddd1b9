extension StorageEngine {
  /// The journal, for those who send it elsewhere: ``Journal/tail(_:_:)`` and pins.
  ///
  /// Nil while the engine does not run.
  public var journal: Journal? { (try? running())?.context.journal }
}
