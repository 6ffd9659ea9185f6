"""The procedure of one trial in memory: states from 0 on, each a fixed list of epochs. Writes no files.

Order at the start of a state s with a pruning event, the same for every method: score and select on the trained end of state
s-1; rewind every surviving tensor; let the method act; start optimiser and learning rates afresh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from pruning.methods import StatePlan
from trainables.config.prune import RewindEpoch
from trainables.data.augmentation.mixing import make_mix
from trainables.states.begun_epoch import BegunEpoch
from trainables.states.position import Position, Snapshot
from trainables.states.pruning_event import Event, choose_drop, floor_warnings, update_masks
from trainables.states.running_state import RunningState
from trainables.states.shrinking import Shrinking
from trainables.states.subject import Subject
from trainables.training.batch_norm import has_batch_norm
from trainables.training.graphs import Graphs
from trainables.training.learning_rate import learning_rates
from trainables.training.optimizers import StateByName, build_optimizer, load_state_by_name
from trainables.training.precision import loss_scaler
from trainables.training.step import Eagerly, Engine


@dataclass(kw_only=True)
class Procedure(Subject):
    """`initial` is the dense network's initial state dict; `epochs` lists the epochs of each state.

    `running` is the present state from `start_state` to `end_state`. `position`, the network's weights and the
    optimiser's moments say all the rest, so a checkpoint holds only those.
    """

    initial: Mapping[str, Tensor]
    epochs: tuple[int, ...]
    graphs: Graphs | None = None
    """Makes what records and replays the steps of a state, where that may be done."""
    running: RunningState | None = field(default=None, init=False)
    teacher: nn.Module | None = field(default=None, init=False)
    """Distilled from in every state whose recipe says so; the dense network's place is empty until state 0 has ended."""
    _rewind_to: Mapping[str, Tensor] | None = field(default=None, init=False)
    """What `rewind: {epoch: e}` returns to, once taken."""
    _restored_moments: StateByName = field(default_factory=dict, init=False)
    """A restored state's, until it is started."""
    _restored_epoch: BegunEpoch | None = field(default=None, init=False)
    """The same, of a state that was left within an epoch."""

    @property
    def finished(self) -> bool:
        return self.position.state >= len(self.epochs)

    @property
    def state_ended(self) -> bool:
        return not self.finished and self.position.epoch >= self.epochs[self.position.state]

    @property
    def halfway(self) -> bool:
        """Whether some steps of the present state are done, and so its own work."""
        return self.position.epoch > 0 or self._restored_epoch is not None

    @property
    def event(self) -> int:
        """The pruning event at the beginning of the present state, 1..K; 0 in a dense state."""
        return self.config.event_of_state(self.position.state)

    @property
    def rewind_epoch(self) -> int | None:
        """After how many epochs of state 0 the weights to return to are taken; None where they are not needed."""
        rewind = self.config.prune.rewind
        return rewind.epoch if isinstance(rewind, RewindEpoch) and rewind.epoch > 0 else None

    def has_passed_rewind_point(self, position: Position) -> bool:
        """Whether the weights that later states return to have been taken on the way to there."""
        return self.rewind_epoch is not None and (position.state > 0 or position.epoch >= self.rewind_epoch)

    @property
    def lacks_teacher(self) -> bool:
        """Whether the present state is distilled from the dense network, and that has still to be given."""
        return self.train.distill.weight > 0 and self.teacher is None

    def teach(self, teacher: nn.Module) -> None:
        """Distil from this network in every state that is started from now on."""
        self.teacher = teacher.to(self.device).eval().requires_grad_(False)

    def start_state(self) -> RunningState:
        """Do the state's own work where it has not been done, and make optimiser, rates and plan ready."""
        train, state = self.train, self.position.state
        steps_per_epoch = self.steps_per_epoch(state)
        rates = learning_rates(train.schedule, train.lr, self.epochs[state] * steps_per_epoch)
        if self.event > 0 and not self.halfway:
            self._prune(rates)
        graph = None if self.graphs is None else self.graphs.of_state(train)
        on_device = None if graph is None else self.device
        shrinking = Shrinking.of(self._plan(rates), rates, self.network, on_device)
        augment = self.config.augment_of_state(state)
        engine = Engine(
            model=self.network.model,
            optimizer=build_optimizer(self.network.model, train, on_device),
            scaler=loss_scaler(self.precision, self.device, self.position.scaler),
            config=train,
            precision=self.precision,
            device=self.device,
            teacher=self.teacher,
            mix=make_mix(augment.mixup, augment.cutmix, self.data.info.num_classes),
            stepper=Eagerly() if graph is None else graph,
            micro_batches=self.micro_batches,
            smallest_piece=2 if has_batch_norm(self.network.model) else 1,
        )
        load_state_by_name(engine.model, engine.optimizer, self._restored_moments)
        begun = None if self._restored_epoch is None else self._restored_epoch.moved(self.device)
        self._restored_moments, self._restored_epoch = {}, None
        self.running = RunningState(self, engine, shrinking, rates, augment, steps_per_epoch, graph, begun)
        return self.running

    def end_state(self) -> None:
        """Stand at the beginning of the next state, whose own work is still to be done."""
        self.position, self.running = self.position.next_state(), None

    def take_rewind_point(self) -> dict[str, Tensor] | None:
        """The weights that every later state returns to, where they are those of this epoch; kept from now on."""
        if self.position.state != 0 or self.position.epoch != self.rewind_epoch:
            return None
        point = self.network.snapshot()
        self._rewind_to = point
        return point

    def checkpoint(self) -> Snapshot:
        """All that `restore` needs, between two epochs or where one was left."""
        network, running = self.network, self.running
        moments = self._restored_moments if running is None else running.moments()
        begun = self._restored_epoch if running is None else running.begun
        masks = network.masks if network.masked else {}
        return Snapshot(self.position, network.structure, network.snapshot(), moments, masks, begun)

    def restore(self, snapshot: Snapshot, rewind_to: Mapping[str, Tensor] | None) -> None:
        """Stand where the snapshot was taken; the state is started by `start_state`, as it would be anyway."""
        self.position = snapshot.position
        self.micro_batches = max(self.micro_batches, snapshot.position.micro_batches)
        if snapshot.structure != self.network.structure:
            self.network.restrict(snapshot.structure)
        self.network.model.load_state_dict(snapshot.model, strict=True)
        if snapshot.masks:
            self.network.masks = {name: mask.to(self.device) for name, mask in snapshot.masks.items()}
            self.network.masked = True
        self._restored_moments, self._restored_epoch = snapshot.optimizer, snapshot.begun
        self._rewind_to = rewind_to

    def adopt(self, snapshot: Snapshot, rewind_to: Mapping[str, Tensor] | None) -> None:
        """Stand at the end of the present state as another trial of the same prefix trained it.

        `rewind_to` as in `restore`, of state 0; later states return to what is known already.
        """
        self.network.cut_to(snapshot.structure)
        self.restore(snapshot, self._rewind_to if rewind_to is None else rewind_to)

    def _prune(self, rates: tuple[float, ...]) -> None:
        event = Event(
            config=self.config.prune,
            method=self.method,
            number=self.event,
            seed=self.config.seed,
            batches=self.calibration_batches,
        )
        if event.needs_masks:
            update_masks(self.network, event)
        drop = choose_drop(self.network, event) if self.method.traits.makes_smaller else {}
        self.position = self.position.with_drop(drop).with_warnings(floor_warnings(self.network, event, drop))
        source = self._rewind_source()
        if source is not None:
            self.network.rewind(source)
        if self.method.traits.masks:
            self.network.masked = True
            self.network.apply_masks()
        at_once = self._plan(rates).remove_now
        if at_once:
            self.measured_removal(at_once, lambda: self.network.remove(at_once))
        self.forget_calibration()

    def _rewind_source(self) -> Mapping[str, Tensor] | None:
        if self.config.prune.rewind == "continue":
            return None
        if self.rewind_epoch is None:
            return self.initial
        if self._rewind_to is None:
            raise RuntimeError(f"the weights of epoch {self.rewind_epoch} of state 0 were not kept")
        return self._rewind_to

    def _plan(self, rates: tuple[float, ...]) -> StatePlan:
        if self.event == 0 or not self.method.traits.makes_smaller:
            return StatePlan()
        return self.method.plan(self.position.chosen(), rates, self.config.prune.rsst)
