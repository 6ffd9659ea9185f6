"""Sub-commands around studies: what lies in a storage, trackers, editors and shells."""
