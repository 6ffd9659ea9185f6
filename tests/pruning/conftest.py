from tests.models.networks import narrow_twistnet

__all__ = ["narrow_twistnet"]
