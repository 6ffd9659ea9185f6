"""A user's own parts, named in a study file by a reference: what one is, where it is looked for, and where it came from.

`resolve("my_package.module:object", key="prune.criterion", group="criteria")` gives the object and its origin.
"""

from models.own_parts.loading import users_error, users_line
from models.own_parts.origin import Origin
from models.own_parts.places import look_in, look_in_last, places
from models.own_parts.reference import Group, is_reference
from models.own_parts.registry import Registry
from models.own_parts.resolving import OwnPart, entry_point_names, is_own, resolve, wrong_part

__all__ = [
    "Group",
    "Origin",
    "OwnPart",
    "Registry",
    "entry_point_names",
    "is_own",
    "is_reference",
    "look_in",
    "look_in_last",
    "places",
    "resolve",
    "users_error",
    "users_line",
    "wrong_part",
]
